import { readFileSync } from 'node:fs'
import { describe, expect, test } from '../support/test.ts'
import { ownServices, readCompose } from './compose-file.ts'

const compose = readCompose()
const own = ownServices(compose)

describe('docker-compose.yml', () => {
  test('has one service for each role and each kind of worker', () => {
    expect(Object.keys(compose.services).toSorted()).toEqual(
      ['board', 'migrate', 'postgres', 'producers', 'redis', 'worker-extract', 'worker-load', 'worker-ops', 'worker-ticks', 'worker-transform'].toSorted(),
    )
    expect(own.map(([, service]) => service.command.join(' ')).toSorted()).toEqual(
      [
        'millrace board',
        'millrace migrate',
        'millrace producers',
        ...['extract', 'transform', 'load', 'ops', 'ticks'].map((kind) => `millrace worker --queues ${kind}`),
      ].toSorted(),
    )
  })

  test('mounts the same spool in all of ours, where they are told it is', () => {
    expect(Object.keys(compose.volumes)).toContain('spool')
    for (const [name, service] of own) expect([name, service.volumes]).toEqual([name, [`spool:${service.environment['MILLRACE_SPOOL']}`]])
    expect(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')).toContain(`VOLUME ${own[0]?.[1].environment['MILLRACE_SPOOL']}\n`)
  })

  test('gives all of ours the same databases', () => {
    for (const variable of ['DATABASE_URL', 'REDIS_URL', 'MILLRACE_DEMO']) {
      expect(new Set(own.map(([, service]) => service.environment[variable])).size).toBe(1)
      expect(own[0]?.[1].environment[variable]).toBeTruthy()
    }
  })

  test('checks the health of everything that stays', () => {
    const checked = Object.entries(compose.services).filter(([, service]) => 'test' in service.healthcheck)
    expect(checked.map(([name]) => name).toSorted()).toEqual(
      Object.keys(compose.services)
        .filter((name) => name !== 'migrate')
        .toSorted(),
    )
    for (const [name, service] of own.filter(([one]) => one !== 'migrate')) {
      const role = name.startsWith('worker-') ? 'worker' : name
      expect(service.healthcheck).toMatchObject({ test: ['CMD', 'node', '/app/deploy/healthcheck.js', role] })
    }
  })

  test('starts ours once the schemas are there', () => {
    for (const [, service] of own.filter(([name]) => name !== 'migrate')) {
      expect(service.depends_on).toMatchObject({ postgres: { condition: 'service_healthy' }, migrate: { condition: 'service_completed_successfully' } })
    }
  })

  test('publishes the board, on this machine alone, and nothing else', () => {
    expect(compose.services['board']?.environment).toMatchObject({ HOST: '0.0.0.0', MILLRACE_INSECURE: '1' })
    expect(Object.entries(compose.services).flatMap(([name, { ports }]) => ports.map((port) => [name, port]))).toEqual([['board', '127.0.0.1:3000:3000']])
  })

  test('takes its settings from the environment', () => {
    const set = readCompose({ MILLRACE_DEMO: '0', POSTGRES_PASSWORD: 'chosen' })
    expect(set.services['worker-load']?.environment).toMatchObject({ MILLRACE_DEMO: '0', DATABASE_URL: 'postgres://millrace:chosen@postgres:5432/millrace' })
    expect(set.services['postgres']?.environment).toMatchObject({ POSTGRES_PASSWORD: 'chosen' })
  })
})

test('make explains its targets, and has those that were promised', () => {
  const makefile = readFileSync(new URL('../../Makefile', import.meta.url), 'utf8')
  const targets = [...makefile.matchAll(/^([a-z-]+):.*## /gm)].map(([, name]) => name)
  expect(targets).toEqual(['help', 'deps', 'start-dev', 'start-dev-nocache', 'stop-dev', 'clean', 'clean-full', 'test'])
})
