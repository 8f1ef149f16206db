/** What a pause is of, in words. */
export const placeName = (location: string): string => (location === '' ? 'everything' : `the location ${location}`)
