import type { Logger } from '../logger.ts'

/**
 * Resolves with the first SIGINT or SIGTERM, or when the parent is gone; a later SIGINT ends the process at once. npm, the bin and a
 * terminal may each hand the same Ctrl-C on: what comes within half a second is the first one again. A later SIGTERM is the parent's,
 * who stops its parts in order.
 */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let askedAt: number | undefined
    const onSignal = (signal: NodeJS.Signals): void => {
      if (signal === 'SIGINT' && askedAt !== undefined && performance.now() - askedAt > 500) process.exit(130)
      askedAt ??= performance.now()
      resolve(signal)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    // A child of `millrace dev` whose parent was killed would else live on for ever.
    if (process.channel !== undefined) process.once('disconnect', () => onSignal('SIGTERM'))
  })
}

/** Ends a process that was told to stop and cannot, because a database that it must tell is gone. */
export function endWithin(ms: number, logger: Logger): void {
  setTimeout(() => {
    logger.warn({ seconds: ms / 1000 }, 'not everything stopped in order; ending all the same, others take over what is left')
    process.exit(1)
  }, ms).unref()
}
