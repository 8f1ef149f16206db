// `npm run build`: compiles src/ to dist/ and copies beside it what the compiler leaves out (SQL, styles, scripts of the pages).
import { execFileSync } from 'node:child_process'
import { cp, glob, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [source, target] = [join(root, 'src'), join(root, 'dist')]

await rm(target, { recursive: true, force: true })
// Types are checked by `npm run types`: each installation would wait for it, 10 s of CPU instead of 5.
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json'), '--noCheck'], { stdio: 'inherit' })
for await (const path of glob('**/*.*', { cwd: source, exclude: ['**/*.ts', '**/*.tsx', '**/tsconfig*.json'] })) {
  await mkdir(dirname(join(target, path)), { recursive: true })
  await cp(join(source, path), join(target, path))
}
