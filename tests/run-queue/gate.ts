/** A function that holds its run until it is let go. */
export function createGate() {
  const waiting: (() => void)[] = []
  const ran: string[] = []
  let open = false
  return {
    ran,
    async pass(runId: string, signal: AbortSignal): Promise<number> {
      ran.push(runId)
      if (!open) {
        await new Promise<void>((resolve, reject) => {
          waiting.push(resolve)
          signal.addEventListener('abort', () => reject(new Error('told to stop')), { once: true })
        })
      }
      return 1
    },
    /** Lets those go that wait now, or some of them. */
    letGo(most = Infinity) {
      for (const go of waiting.splice(0, most)) go()
    },
    openForGood() {
      open = true
      this.letGo()
    },
  }
}
