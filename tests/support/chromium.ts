import { existsSync } from 'node:fs'
import { installDebianPackage } from './debian-package.ts'

/** Where the browser of the tests is, if it is there. */
const chromiumPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Installs the browser where that is allowed; the tests that need it say so where it is missing. */
export function prepareChromium(): void {
  if (!existsSync(chromiumPath)) installDebianPackage('chromium', 'the tests in a browser')
}
