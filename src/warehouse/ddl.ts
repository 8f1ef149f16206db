// Everything that writes or changes a table's definition in the destination, by one name.
export { createIndexesSql, createPrimaryKeySql, createTableSql } from './create-table.ts'
export { readExistingColumns } from './existing-columns.ts'
export { planSchemaChange } from './schema-change.ts'
