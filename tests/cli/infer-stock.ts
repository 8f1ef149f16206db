/** A file of the retailer's shape: as many rows, text that is quoted now and then, and numbers of all its kinds. */
export function stockFile(rows = 80): string {
  const header = 'Ship Mode,Segment,Country,City,State,Postal Code,Region,Category,Sub-Category,Sales,Quantity,Discount,Profit'
  const cities = ['San Francisco,California,94109,West', 'Concord,"New Hampshire",03301,East', '"Washington, DC",District of Columbia,20016,East']
  const lines = Array.from({ length: rows }, (_, index) => {
    const sales = (index * 37.9301 + 1.25).toFixed(index % 5)
    const profit = (index % 3 === 0 ? -1 : 1) * Number((index * 1.7051).toFixed(4))
    return `${index % 2 === 0 ? 'Second Class' : '"Standard Class"'},Consumer,United States,${cities[index % 3] ?? ''},Technology,Phones,${sales},${String((index % 9) + 1)},${['0', '0.2', '0.15'][index % 3] ?? ''},${String(profit)}`
  })
  return `${[header, ...lines].join('\n')}\n`
}

/** The file with three lines damaged as files are: one cut off, a word in a number, a quote out of place. */
export function damaged(file: string): string {
  return file
    .split('\n')
    .map((line, index) => {
      if (index === 10) return line.slice(0, line.lastIndexOf(','))
      if (index === 40) return line.replace(/,(\d+),([\d.]+),(-?[\d.]+)$/, ',$1 pcs,$2,$3')
      return index === 70 ? line.replace(/^([^,]*,[A-Za-z]{3})/, '$1"') : line
    })
    .join('\n')
}
