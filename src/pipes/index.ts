export { externalProcess } from './external-process.ts'
export type { ExternalProcessOptions, ProcessContext, ProcessReport, RunLog } from './process-options.ts'
export type { ReportedCheck, ReportedMaterialization } from './reports.ts'
