import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asset, output } from '../../src/definitions/function-asset.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { externalProcess } from '../../src/pipes/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { preparePython } from '../support/python.ts'
import { beforeAll, describe, expect, temporaryFolder, test, waitFor } from '../support/test.ts'
import { createContext, isAlive } from './scripts.ts'

const prepared = await preparePython()
if ('missing' in prepared) console.error(prepared.missing)
const python = 'python' in prepared ? prepared.python : ''

describe.skipIf(python === '')('a script with dagster-pipes of PyPI', () => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })

  /** Writes a script, indented by four in the block of the pipe. */
  async function script(name: string, body: string): Promise<string> {
    const path = join(folder, name)
    const lines = body.trim().split('\n')
    await writeFile(
      path,
      `from dagster_pipes import open_dagster_pipes\nwith open_dagster_pipes() as pipes:\n${lines.map((line) => `    ${line}`).join('\n')}\n`,
    )
    return path
  }

  test('runs as a step: its logs, metadata, materialization, check and answer are in the run', async () => {
    const path = await script(
      'train.py',
      `
pipes.log.info("training on %s", pipes.get_extra("day"))
pipes.log.warning("few rows")
print("on stdout")
pipes.report_custom_message({"loss": 0.25, "rows": 3})
pipes.report_asset_materialization(metadata={"rows": 3, "report": {"type": "url", "raw_value": "https://example.com/r"}}, data_version="v1")
pipes.report_asset_check("loss_is_low", True, metadata={"loss": 0.25, "page": {"type": "url", "raw_value": "https://example.com/c"}})
pipes.report_asset_check("enough_rows", False, severity="WARN")
print("no line end", end="")`,
    )
    const model = asset({
      key: 'reports/model',
      io: jsonFiles({ folder }),
      run: async (context) => {
        const done = await externalProcess(context, { command: python, args: [path], extras: { day: '2026-01-01' } })
        return output(done.customMessages.at(-1), { metadata: done.metadata, checks: done.checks })
      },
    })
    await engine.define([model])
    const run = await engine.succeed('reports/model')
    expect(JSON.parse(await readFile(join(folder, 'reports/model/value.json'), 'utf8'))).toEqual({ loss: 0.25, rows: 3 })
    expect(await engine.value(`SELECT metadata FROM millrace.asset WHERE key = 'reports/model'`)).toMatchObject({
      rows: 3,
      report: { type: 'url', value: 'https://example.com/r' },
    })
    const results = `SELECT name, passed, blocking, severity, metadata FROM millrace.check_result WHERE asset = 'reports/model' ORDER BY name`
    expect(await engine.query(results)).toEqual([
      { name: 'enough_rows', passed: false, blocking: false, severity: 'warn', metadata: {} },
      {
        name: 'loss_is_low',
        passed: true,
        blocking: false,
        severity: 'error',
        metadata: { loss: 0.25, page: { type: 'url', value: 'https://example.com/c' } },
      },
    ])
    // Lines are stored side by side; their order is not the subject.
    await waitFor(async () => (await engine.view(run.id)).events.filter(({ kind }) => kind === 'log').length >= 7, { what: 'the log to be stored' })
    const logged = (await engine.view(run.id)).events.filter(({ kind }) => kind === 'log').map(({ message }) => message)
    expect(logged.toSorted()).toEqual([
      'The script says that it materialized reports/model',
      'The script says that the check enough_rows failed',
      'The script says that the check loss_is_low passed',
      'few rows',
      'no line end',
      'on stdout',
      'training on 2026-01-01',
    ])
  })

  test('that raises fails the step, with its own traceback', async () => {
    const path = await script('broken.py', `try:\n    int("x")\nexcept ValueError as error:\n    raise RuntimeError("bad model") from error`)
    const broken = asset({
      key: 'reports/broken',
      io: jsonFiles({ folder }),
      retry: { retries: 0 },
      run: (context) => externalProcess(context, { command: python, args: [path] }),
    })
    await engine.define([broken])
    const { status, step } = await engine.run('reports/broken')
    expect([status, step.error?.code]).toEqual(['failed', 'PROCESS_EXIT'])
    expect(step.error?.message).toContain('ended with exit code 1: RuntimeError: bad model')
    expect(step.error?.cause).toMatchObject({ name: 'RuntimeError', cause: { name: 'ValueError' } })
    expect(step.error?.cause?.stack).toContain('broken.py", line 6')
  })

  test('ends when its run is canceled', async () => {
    const path = await script('slow.py', `import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(300)`)
    const slow = asset({ key: 'reports/slow', io: jsonFiles({ folder }), run: (context) => externalProcess(context, { command: python, args: [path] }) })
    await engine.define([slow])
    const { runId } = await engine.launch('reports/slow')
    const pid = await waitFor(
      async () => Number(await engine.value(`SELECT message FROM millrace.event WHERE run_id = $1 AND kind = 'log'`, [runId])) || undefined,
      {
        what: 'the script to say who it is',
      },
    )
    expect(isAlive(pid)).toBe(true)
    await engine.cancel(runId)
    expect((await engine.ended(runId)).status).toBe('canceled')
    await waitFor(() => !isAlive(pid), { what: 'the script to end' })
  })

  test('finds its context as it reads it', async () => {
    const path = await script(
      'context.py',
      `
pipes.report_custom_message([pipes.is_asset_step, pipes.asset_key, pipes.code_version, pipes.provenance, pipes.is_partition_step, pipes.partition_key,
    pipes.partition_key_range, pipes.partition_time_window, pipes.run_id, pipes.job_name, pipes.retry_number, pipes.extras])
pipes.log_external_stream("spark", "a line", {})
pipes.report_asset_materialization({"nan": float("nan"), "big": 2**60, "none": None})`,
    )
    const partition = { key: '2026-01-01', window: { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2026-01-02T00:00:00Z') } }
    const window = { start: '2026-01-01T00:00:00.000Z', end: '2026-01-02T00:00:00.000Z' }
    for (const transport of ['files', 'stdout', 'stderr'] as const) {
      const { context, messages } = createContext({ attempt: 2, codeVersion: 'v7', jobName: 'nightly', partition })
      const done = await externalProcess(context, { command: python, args: [path], extras: { a: [1] }, transport })
      const range = { start: '2026-01-01', end: '2026-01-01' }
      expect(done.customMessages).toEqual([[true, 'reports/model', 'v7', null, true, '2026-01-01', range, window, 'the-run', 'nightly', 1, { a: [1] }]])
      expect(done.metadata).toEqual({ nan: 'NaN', big: '1152921504606846976', none: null })
      expect(messages()).toContain('a line')
    }
  })
})
