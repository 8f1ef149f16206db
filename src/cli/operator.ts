import { userInfo } from 'node:os'

/** Who types, as whoever asks why nothing starts is told. */
export function operator(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without a name, as in many containers.
    return `user ${String(process.getuid?.() ?? '')}`.trim()
  }
}
