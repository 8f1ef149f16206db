import { postgresJson, postgresSeries } from 'millrace/io'

/** Where the operational data is kept, as JSON. */
export const audit = postgresJson()

/** Where the KPIs are. */
export const kpis = postgresSeries()
