import { explainRun } from '../../src/api/explain.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { createGate } from '../run-queue/gate.ts'
import { createLocation, startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, spawnMillrace, temporaryFolder, test, waitFor } from '../support/test.ts'
import { createProject } from './project.ts'

const hanging = `import { asset, defineLocation } from 'millrace'
import { jsonFiles } from 'millrace/io'

const rows = asset({ key: 'lost/rows', io: jsonFiles({ folder: '/nowhere' }), run: ({ log }) => { log('begun'); return new Promise(() => setInterval(() => undefined, 1000)) } })
export default defineLocation({ name: 'lost', assets: [rows] })
`

describe('millrace explain, and what an operator types', () => {
  let engine: Engine
  let folder: string
  const gate = createGate()
  let place: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend: 'postgres' })
    const io = jsonFiles({ folder })
    const first = asset({ key: 'why/first', io, pool: 'api', run: ({ runId, signal }) => gate.pass(runId, signal) })
    const second = asset({ key: 'why/second', io, deps: [first], run: () => 1 })
    const location = createLocation([first, second], { pools: { api: 1 }, limits: { tags: [{ tag: 'team', runs: 1 }] } })
    place = location.name
    await engine.work(location)
    return engine.stop
  })
  const cli = async (...args: string[]) => {
    const command = spawnMillrace(args, { DATABASE_URL: engine.database.url, MILLRACE_HOME: folder })
    const { code } = await command.exited
    return { code, text: command.stdout() + command.stderr() }
  }

  test('a run held by a pool, an upstream step, a limit by tag, one of the whole location, a pause: each is told who or what holds it', async () => {
    const { runId: holder } = await engine.launch(['why/first', 'why/second'], { tags: { team: 'a' } })
    await waitFor(() => gate.ran.length === 1, { what: 'the first step to run' })
    const { runId: pooled } = await engine.launch('why/first')
    const { runId: tagged } = await engine.launch('why/second', { tags: { team: 'a' } })

    const byPool = await cli('explain', pooled.slice(0, 13))
    expect(byPool.code).toBe(0)
    expect(byPool.text).toMatch(new RegExp(`The pool api has 1 slot, all taken: by why/first of run ${holder.slice(0, 8)} since 20`))
    expect(JSON.parse((await cli('explain', pooled, '--json')).text)).toMatchObject({
      run: pooled,
      status: 'started',
      steps: [{ status: 'waiting', waitsFor: { reason: 'pool', pool: 'api', limit: 1, used: 1, holders: [{ runId: holder, asset: 'why/first', slots: 1 }] } }],
    })

    const byUpstream = await cli('explain', holder)
    expect(byUpstream.text).toContain('It goes on: why/first (running).')
    expect(byUpstream.text).toMatch(/why\/second +waiting +Waits for why\/first \(running\)\./)

    const byTag = await cli('explain', tagged)
    expect(byTag.text).toContain(
      `The tag team=a (as each value of it) in the location ${place} may have 1 run at once, and 1 goes on: ${holder.slice(0, 8)}. It is number 1 of 1 in the queue.`,
    )
    expect(await explainRun({ pool: engine.database.pool }, tagged)).toMatchObject({
      waitsFor: { reason: 'tag-limit', limit: 1, used: 1, place: 1, holders: [{ runId: holder }] },
    })

    expect((await cli('limits', 'set', '2', '--location', place)).text).toBe(`Of ${place}, at most 2 runs at once.\n`)
    expect((await cli('limits', 'set', '1', '--location', 'soon')).text).toMatch(
      /^Of soon, at most 1 run at once\.\nThere is no location soon: this is kept for a worker that starts with it\. .*place_/,
    )
    const { runId: limited } = await engine.launch('why/second')
    expect((await cli('explain', limited)).text).toMatch(
      new RegExp(`The location ${place} may have 2 runs at once, and 2 go on: .*It is number 2 of 2 in the queue.`),
    )
    expect((await cli('limits')).text).toMatch(new RegExp(`${place} +2 +2 +by`))

    // By a step's id, and by an asset: its newest run that has not ended.
    expect((await cli('explain', 'why/first')).text).toContain(`why/first (waiting) of run ${pooled} (started)`)
    expect((await cli('explain', (await engine.view(holder)).steps[0]?.id ?? '')).text).toContain(`why/first (running) of run ${holder}`)
    expect((await cli('explain', 'ffffffff')).text).toContain('There is no run ffffffff')

    expect((await cli('pools')).text).toMatch(new RegExp(`api +${place} +1 +1 +1`))
    expect((await cli('pools', 'set', 'nothing', '3')).text).toContain('The pools are: api')
    expect((await cli('pools', 'set', 'api', '2')).text).toBe(`The pool api of ${place} has 2 slots now.\n`)
    await waitFor(() => gate.ran.length === 2, { what: 'the second slot to be handed out' })

    expect((await cli('pause', place, '--reason', 'a migration')).text).toContain(`Paused the location ${place}.`)
    expect((await cli('pause', 'nowhere')).text).toContain('There is no location nowhere')
    await cli('limits', 'reset', '--location', place)
    const paused = await cli('explain', limited)
    expect(paused.text).toMatch(new RegExp(`The location ${place} is paused, by \\S+ since .* \\(a migration\\)\\. It goes on after: millrace resume ${place}`))
    gate.openForGood()
    expect((await cli('resume', place)).text).toBe(`Resumed the location ${place}.\n`)
    for (const run of [holder, pooled, tagged, limited]) expect((await engine.ended(run)).status).toBe('succeeded')
    expect((await cli('explain', limited)).text).toMatch(/It succeeded at 20.*\n[^]*why\/second +succeeded +It succeeded at/)
  })

  test('a run held by a worker that died, and then by nobody', async () => {
    const { pipelines } = await createProject({ lost: hanging })
    const env = { DATABASE_URL: engine.database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder, MILLRACE_SPOOL: engine.spoolFolder }
    const worker = spawnMillrace(['worker'], env)
    await waitFor(() => engine.launch('lost/rows'), { what: 'the worker to publish its definitions', timeoutMs: 30_000 })
    const [run] = await engine.query<{ id: string }>(`SELECT id FROM millrace.run WHERE location = 'lost'`)
    const id = run?.id ?? ''
    const begun = async () => (await engine.view(id)).events.filter((event) => event.message === 'begun').length
    await waitFor(async () => (await begun()) === 1, { what: 'the function to begin' })
    const pid = Number(await engine.value(`SELECT pid FROM millrace.process p JOIN millrace.step s ON s.claimed_by = p.id WHERE s.run_id = $1`, [id]))
    process.kill(pid, 'SIGKILL')
    await worker.exited
    const reasonOf = async () => (await explainRun({ pool: engine.database.pool }, id))?.steps[0]?.waitsFor?.reason
    await waitFor(async () => (await reasonOf()) === 'dead-worker', { what: 'the worker to be missed' })
    const dead = await cli('explain', id)
    expect(dead.text).toMatch(
      new RegExp(`lost/rows: Held by the worker \\S+:${String(pid)}, (not heard of for \\d s|whose lease has run out)\\. It is freed in at most \\d s`),
    )
    await waitFor(async () => (await reasonOf()) === 'no-worker', { what: 'the step to be freed' })
    expect((await cli('explain', 'lost/rows')).text).toContain('No live worker for the queue lost.ops. Start one: millrace worker --location lost')
    spawnMillrace(['worker'], env)
    await waitFor(async () => (await begun()) === 2, { what: 'the step to go on where a worker came back', timeoutMs: 30_000 })
    await engine.cancel(id)
  })
})
