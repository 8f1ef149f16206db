import { chaosLocation } from './chaos-location.ts'

// oxlint-disable-next-line import/no-default-export -- what a definitions file does
export default chaosLocation(false)
