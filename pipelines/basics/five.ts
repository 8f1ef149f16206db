import { asset } from 'millrace'
import { jsonFiles } from 'millrace/io'

export const files = jsonFiles({ folder: '.millrace/values' })

export const giveMeFive = asset({ key: 'basics/give_me_five', io: files, run: () => 5 })
