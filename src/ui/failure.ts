import type { Failure } from '../api/failure.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'

/** An error as a person reads it: what happened, what to do, and the chain of causes; the stack only for those who ask. */
export function failureView(failure: Failure): Html {
  return html`<div class="failure">
    <p><strong>${failure.message}</strong></p>
    ${failure.hint === undefined ? null : html`<p class="hint">${failure.hint}</p>`}
    ${causesOf(failure).map((cause) => html`<p class="cause">Caused by ${cause.name}: ${cause.message}${cause.hint === undefined ? null : html` <span class="hint">${cause.hint}</span>`}</p>`)}
    <p class="quiet">${failure.name} <code>${failure.code}</code></p>
    ${
      failure.stack === undefined
        ? null
        : html`<details>
            <summary>Stack</summary>
            <pre>${failure.stack}</pre>
          </details>`
    }
  </div>`
}

function causesOf(failure: Failure): Failure[] {
  return failure.cause === undefined ? [] : [failure.cause, ...causesOf(failure.cause)]
}
