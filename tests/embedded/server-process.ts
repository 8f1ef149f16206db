import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { atFileEnd } from '../support/test.ts'

const Started = z.object({ url: z.string(), pid: z.int(), messages: z.array(z.string()) })
const Refused = z.object({ refused: z.string() })

export const keepServer = fileURLToPath(new URL('./keep-server.ts', import.meta.url))

/** Runs `keep-server.ts` in a process of its own, as a user if one is given. */
export async function startServerProcess(folder: string, options: { script?: string; settings?: object; uid?: number; gid?: number } = {}) {
  const { script = keepServer, settings = {}, ...user } = options
  const child = spawn(process.execPath, [script, folder, JSON.stringify(settings)], { stdio: ['ignore', 'pipe', 'inherit'], ...user })
  atFileEnd(() => void child.kill('SIGKILL'))
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit').then(([code]) => [`{"ended":${String(code)}}`])])
  const said: unknown = JSON.parse(String(line))
  const refused = Refused.safeParse(said)
  if (refused.success) throw new Error(`refused: ${refused.data.refused}`)
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await once(child, 'exit')
  }
  return { ...Started.parse(said), end }
}
