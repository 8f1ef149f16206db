/**
 * A Postgres array as it is printed (`{1,NULL,"a b"}`, nested as `{{1},{2}}`) as a JSON array.
 * @param element turns one element, null for NULL, into JSON
 */
export function readArray(literal: string, delimiter: string, element: (value: string | null) => string): string {
  // Arrays whose indexes do not begin at 1 say so first: [0:1]={a,b}
  let at = literal.indexOf('{')
  const list = (): string => {
    const items: string[] = []
    at += 1
    while (at < literal.length && literal[at] !== '}') {
      if (literal[at] === delimiter) at += 1
      items.push(literal[at] === '{' ? list() : element(literal[at] === '"' ? quoted() : plain()))
    }
    at += 1
    return `[${items.join(',')}]`
  }
  const quoted = (): string => {
    let text = ''
    for (at += 1; at < literal.length && literal[at] !== '"'; at += 1) {
      if (literal[at] === '\\') at += 1
      text += literal[at] ?? ''
    }
    at += 1
    return text
  }
  const plain = (): string | null => {
    const start = at
    while (at < literal.length && literal[at] !== delimiter && literal[at] !== '}') at += 1
    const text = literal.slice(start, at)
    return text === 'NULL' ? null : text
  }
  return list()
}
