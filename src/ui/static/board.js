// Keeps a page up to date: on each change it is fetched again and the regions that differ are replaced.
const main = document.querySelector('main')
const shown = new Map()

// As everywhere, year first, and to the second; in the zone of whoever looks. Asked for one by one, else nine o'clock has one digit.
const two = '2-digit'
const format = { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two, timeZoneName: 'short' }

function localize(region) {
  for (const time of region.querySelectorAll('time')) {
    time.title = time.textContent
    time.textContent = new Date(time.dateTime).toLocaleString('sv', format)
  }
}

for (const region of document.querySelectorAll('[data-live]')) {
  shown.set(region.id, region.innerHTML)
  localize(region)
}

function replace(region, fresh) {
  const markup = fresh.innerHTML
  if (shown.get(region.id) === markup) return
  shown.set(region.id, markup)
  const open = [...region.querySelectorAll('details[open][id]')].map((one) => one.id)
  const focused = region.contains(document.activeElement) ? document.activeElement : null
  const focusKey = focused?.dataset.key ?? null
  const focusDetails = focused?.closest('details')?.id ?? null
  region.replaceChildren(...fresh.childNodes)
  for (const id of open) document.getElementById(id)?.setAttribute('open', '')
  localize(region)
  if (focusKey !== null) [...region.querySelectorAll('[data-key]')].find((one) => one.dataset.key === focusKey)?.focus()
  else if (focusDetails !== null) document.getElementById(focusDetails)?.querySelector('summary')?.focus()
}

let busy = false
let again = false
async function refresh() {
  if (busy) {
    again = true
    return
  }
  busy = true
  try {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (response.ok) {
      const fresh = new DOMParser().parseFromString(await response.text(), 'text/html')
      main.dataset.state = fresh.querySelector('main')?.dataset.state ?? 'idle'
      for (const region of document.querySelectorAll('[data-live]')) {
        const other = fresh.getElementById(region.id)
        if (other !== null) replace(region, other)
      }
    }
  } catch {
    // The board is away for a moment; the next change or tick tries again.
  } finally {
    busy = false
    if (again) {
      again = false
      setTimeout(() => void refresh(), 250)
    }
  }
}

// A browser keeps six connections to a host, so a tab that nobody sees gives its stream up.
let changes = null
function follow() {
  if (document.hidden) {
    changes?.close()
    changes = null
  } else if (changes === null) {
    changes = new EventSource('/api/v1/events/stream')
    changes.addEventListener('change', () => void refresh())
    void refresh()
  }
}
document.addEventListener('visibilitychange', follow)
follow()
// Should a notification be lost: look every 2 s while something runs, every 15 s otherwise.
let ticks = 0
setInterval(() => {
  ticks += 1
  if (!document.hidden && (main.dataset.state === 'open' || ticks % 8 === 0)) void refresh()
}, 2000)
addEventListener('pagehide', () => {
  changes?.close()
  changes = null
})
addEventListener('pageshow', follow)
