import { Command } from '@commander-js/extra-typings'
import { readEnvironment } from '../environment.ts'
import { requireInstallation, waitForDatabase } from '../installation.ts'
import { startBoard } from '../start-board.ts'
import { stopSignal } from '../stop-signals.ts'

export function boardCommand() {
  return new Command('board')
    .description('Serve the pages, the JSON API and Bull Board.')
    .option('-p, --port <port>', 'instead of PORT (3000); 0 takes a free one')
    .option('--host <host>', 'instead of HOST (127.0.0.1); others than loopback need MILLRACE_INSECURE=1')
    .action(async ({ port, host }) => {
      const { config, logger } = readEnvironment({ ...(port === undefined ? {} : { PORT: port }), ...(host === undefined ? {} : { HOST: host }) })
      const installation = await requireInstallation(config)
      const stopped = stopSignal()
      const running = await startBoard(config, logger)
      logger.info({ url: running.board.url }, 'board ready')
      await waitForDatabase(installation.databaseUrl, 60_000)
      running.connect(installation)
      const signal = await stopped
      logger.info({ signal }, 'board stopping')
      await running.stop()
    })
}
