import { ConfigError } from '../errors.ts'

export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && (('code' in error && error.code === 'ENOSPC') || error.message.includes('No space left on device'))
}

export function diskFull(folder: string, cause: unknown): ConfigError {
  return new ConfigError(`There is no room for the database in ${folder}: the disk is full, or nearly.`, {
    code: 'DISK_FULL',
    hint: 'Free at least 256 MiB there, or set DATABASE_URL to a Postgres elsewhere.',
    cause,
  })
}

export function isForbidden(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM' || error.code === 'EROFS')
}

export function folderDenied(folder: string, cause: unknown): ConfigError {
  return new ConfigError(`The database cannot work in ${folder}: ${cause instanceof Error ? cause.message : String(cause)}.`, {
    code: 'FOLDER_DENIED',
    hint: 'Start it as the user that the folder belongs to, or give the folder to this one (chown -R); MILLRACE_HOME names another folder.',
    cause,
  })
}

export function portTaken(port: number): ConfigError {
  return new ConfigError(`The database cannot listen on port ${port} of 127.0.0.1: another program does.`, {
    code: 'PORT_TAKEN',
    hint: `Stop that program (it is shown by 'ss -ltnp sport = :${port}'), or choose another port.`,
  })
}

export function startFailed(what: string, output: string): Error {
  const text = output.trim().split('\n').slice(-12).join('\n')
  return new ConfigError(`${what}. It said:\n${text}`, {
    code: 'POSTGRES_START',
    hint: "If the data can be spared, remove the folder and start again; else mend what the server's message names.",
  })
}
