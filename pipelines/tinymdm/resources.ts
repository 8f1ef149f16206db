import { resource } from 'millrace'
import { openDeviceStore } from './device-store.ts'
import { organizationsOf } from './organizations.ts'
import type { Organization } from './organizations.ts'

/** The organizations, each with the client of its account. */
export const mdm = resource<readonly Organization[]>({ start: ({ env, throttle }) => organizationsOf(env, throttle) })

/** What is stored of devices. */
export const devices = resource({ start: ({ env }) => openDeviceStore(env), stop: (store) => store.close() })
