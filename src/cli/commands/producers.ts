import { Command } from '@commander-js/extra-typings'
import { startProducers } from '../../producers/producers.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation, waitForDatabase } from '../installation.ts'
import { endWithin, stopSignal } from '../stop-signals.ts'

export function producersCommand() {
  return new Command('producers')
    .description('Keep schedules on the queues and repair what crashes left behind. Safe to run twice: one leads, the other stands by.')
    .action(async () => {
      const { config, logger } = readEnvironment()
      const installation = await requireInstallation(config)
      const stopped = stopSignal()
      await waitForDatabase(installation.databaseUrl, 60_000)
      const producers = await startProducers({
        databaseUrl: installation.databaseUrl,
        redisUrl: config.redisUrl,
        queuePrefix: config.queuePrefix,
        leaseMs: config.leaseMs,
        quarantineDays: config.quarantineDays,
        historyDays: config.historyDays,
        logger,
      })
      logger.info('producers ready')
      const signal = await stopped
      logger.info({ signal }, 'producers stopping')
      endWithin(10_000, logger)
      await producers.stop()
    })
}
