import { defineLocation } from 'millrace'
import { waitingDevice } from './columns.ts'
import { crowd } from './crowd.ts'
import { loaded } from './loaded.ts'
import { ordersOfFile, ordersOfTable, unwatchedOrders } from './orders.ts'
import { daily, hours } from './partitioned.ts'

export default defineLocation({
  name: 'bench',
  assets: [
    loaded('replaced', { disposition: 'replace' }),
    loaded('appended', { disposition: 'append' }),
    loaded('grown', { disposition: 'append', publish: 'each-batch' }),
    loaded('merged', { disposition: 'merge' }),
    loaded('tolerant', { disposition: 'replace' }, { quarantine: true }),
    loaded('waiting', { disposition: 'replace' }, { quarantine: true, columns: waitingDevice }),
    loaded('unwatched', { disposition: 'replace' }, { statistics: false }),
    crowd,
    ordersOfFile,
    unwatchedOrders,
    ordersOfTable,
    daily,
    hours,
  ],
})
