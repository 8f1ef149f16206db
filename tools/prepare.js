// npm's `prepare`: after `npm install` in a checkout, when a project that depends on this folder or on a git address is installed, before `npm pack`.
// A checkout runs from src/; projects that depend on it take their types and `millrace/testing` from dist/.
// Plain JavaScript that any Node can parse: where it cannot build, an installation goes on and says so.
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (!existsSync(new URL('../node_modules/typescript', import.meta.url))) {
  console.warn('Millrace: dist/ was not built, for want of the development packages. Projects that depend on this folder find no types.')
} else if (major < 24 || (major === 24 && minor < 12)) {
  console.warn(`Millrace: dist/ was not built, which needs Node.js 24.12 or newer; this is ${process.version}. Then: npm run build`)
} else {
  await import('./build.ts')
}
