import { chaosLocation } from '../../pipelines/chaos/chaos-location.ts'

// oxlint-disable-next-line import/no-default-export -- what a definitions file does
export default chaosLocation(true)
