import { definitionsFile } from './definitions-file.ts'
import type { ProjectNames } from './definitions-file.ts'
import { testFile } from './test-file.ts'

/** What a new project begins with besides its package.json: path → content. */
export function projectFiles(names: ProjectNames): Readonly<Record<string, string>> {
  return {
    [`pipelines/${names.name}/definitions.ts`]: definitionsFile(names),
    [`pipelines/${names.name}/definitions.test.ts`]: testFile(),
    'tsconfig.json': tsconfig,
    '.gitignore': gitignore,
    '.env.example': envExample,
    'README.md': readme(names),
  }
}

const tsconfig = `{
  "compilerOptions": {
    "target": "es2024",
    "lib": ["es2024"],
    "module": "nodenext",
    "types": ["node"],
    "strict": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true,
    "isolatedModules": true,
    "noUncheckedIndexedAccess": true,
    "exactOptionalPropertyTypes": true,
    "allowImportingTsExtensions": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["pipelines"]
}
`

const gitignore = `node_modules/
.millrace/
.env
`

const envExample = `# Copy to .env, which is read at every start and never committed. Nothing is needed to begin with.

# The catalogue. Unset: an embedded Postgres below .millrace/.
#DATABASE_URL=postgres://user:password@localhost:5432/millrace
# Where tables are loaded, if not into the catalogue's database.
#DESTINATION_URL=
# The queues. Unset: they live in the catalogue's database.
#REDIS_URL=redis://localhost:6379
# The board.
#PORT=3000
`

function readme({ name, schema }: ProjectNames): string {
  return `# ${name}

Data pipelines on Millrace. Needs Node.js 24.12 or newer, and nothing else.

\`\`\`sh
npm install
npm start          # database, workers and board: http://127.0.0.1:3000
\`\`\`

In another terminal:

\`\`\`sh
npm test           # what needs no database
npm run types
npx millrace sql 'select * from ${schema}.warmest_hour'
npx millrace materialize ${schema}/readings
npx millrace runs list
npx millrace doctor
\`\`\`

\`pipelines/${name}/definitions.ts\` declares the tables; \`npm start\` reloads it whenever it is saved. Beside it, \`definitions.test.ts\` tries what its functions do.
Settings go into \`.env\`; \`.env.example\` has the ones to know. Everything on disk is below \`.millrace/\`: remove that folder to begin anew.
`
}
