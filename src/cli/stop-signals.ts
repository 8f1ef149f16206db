/** Resolves with the first SIGINT or SIGTERM. A second one, or a parent that is gone, ends the process at once or in order, respectively. */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false
    const onSignal = (signal: NodeJS.Signals): void => {
      // npm and a terminal both may hand the same Ctrl-C on; only a later one is a person's impatience.
      if (asked) return
      asked = true
      setTimeout(() => process.on(signal, () => process.exit(130)), 500).unref()
      resolve(signal)
    }
    process.once('SIGINT', onSignal)
    process.once('SIGTERM', onSignal)
    // A child of `millrace dev` whose parent was killed would else live on for ever.
    if (process.channel !== undefined) process.once('disconnect', () => onSignal('SIGTERM'))
  })
}
