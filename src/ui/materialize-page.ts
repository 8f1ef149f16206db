import type { ConfigField } from '../api/config-form.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'

export interface MaterializeView {
  readonly location: string
  /** What to launch: a key, `group:name`, or `*`. */
  readonly selection: string
  /** The keys that it means. */
  readonly keys: readonly string[]
  /** What is in the field for partitions; undefined where there are none to choose. */
  readonly partitions: { readonly value: string } | undefined
  readonly fields: readonly ConfigField[]
  /** What is in the fields. */
  readonly values: Readonly<Record<string, string | undefined>>
  readonly errors: Readonly<Record<string, string>>
  /** What is wrong with the whole. */
  readonly problem?: { readonly detail: string; readonly hint?: string | undefined } | undefined
  /** Makes sending the same form twice one run. */
  readonly idempotencyKey: string
}

/** The form that launches a run. */
export function materializePage(view: MaterializeView): string {
  return page({
    title: 'Materialize',
    body: html`<h1>Materialize</h1>
      <p>Assets of ${view.location}: <strong>${view.keys.join(', ')}</strong></p>
      ${
        view.problem === undefined
          ? null
          : html`<div class="notice bad" role="alert">
              <p>${view.problem.detail}</p>
              ${view.problem.hint === undefined ? null : html`<p>${view.problem.hint}</p>`}
            </div>`
      }
      <form method="post" action="/materialize" class="config">
        <input type="hidden" name="location" value="${view.location}" />
        <input type="hidden" name="assets" value="${view.selection}" />
        <input type="hidden" name="idempotency_key" value="${view.idempotencyKey}" />
        ${view.partitions === undefined ? null : partitionsField(view.partitions)}
        ${view.fields.length === 0 ? html`<p>There is nothing to configure.</p>` : view.fields.map((field) => fieldView(field, view))}
        <p class="actions"><button class="primary">Materialize</button> <a href="/">Back</a></p>
      </form>`,
  })
}

function partitionsField({ value }: NonNullable<MaterializeView['partitions']>): Html {
  return html`<div class="field">
    <label for="partitions">Partitions <span class="quiet">required</span></label>
    <p id="partitions-help" class="quiet">A key a line, or a range as <code>first..last</code>.</p>
    <textarea id="partitions" name="partitions" rows="2" required aria-describedby="partitions-help" spellcheck="false">${value}</textarea>
  </div>`
}

function fieldView(field: ConfigField, { values, errors }: MaterializeView): Html {
  const id = `config-${field.name}`
  const error = errors[field.name]
  const described = [field.description === null ? '' : `${id}-help`, error === undefined ? '' : `${id}-error`].filter((one) => one !== '').join(' ')
  const common = html`id="${id}"
  name="config.${field.name}"${field.required && field.kind !== 'boolean' ? html` required` : null}${
    described === '' ? null : html` aria-describedby="${described}"`
  }${error === undefined ? null : html` aria-invalid="true"`}`
  const value = values[field.name] ?? field.initial
  return html`<div class="field">
    <label for="${id}">${field.label}${field.required ? html` <span class="quiet">required</span>` : null}</label>
    ${field.description === null ? null : html`<p id="${id}-help" class="quiet">${field.description}</p>`} ${control(field, common, value)}
    ${error === undefined ? null : html`<p id="${id}-error" class="error">${error}</p>`}
  </div>`
}

const inputType = { secret: 'password', integer: 'number', number: 'number', url: 'url', text: 'text' } as const

function control({ kind, required, choices }: ConfigField, common: Html, value: string): Html {
  if (kind === 'boolean') return html`<input ${common} type="checkbox" value="true" ${value === 'true' ? html` checked` : null} />`
  if (kind === 'json') return html`<textarea ${common} rows="4" spellcheck="false">${value}</textarea>`
  if (kind === 'choice') {
    const options = choices.map((one) => html`<option ${one === value ? html`selected` : null}>${one}</option>`)
    return html`<select ${common}>
      ${required ? null : html`<option value=""></option>`}${options}
    </select>`
  }
  // A secret that was typed is not sent back.
  const shown = kind === 'secret' ? '' : value
  return html`<input
    ${common}
    type="${inputType[kind]}"
    ${kind === 'number' ? html`step="any"` : null}
    value="${shown}"
    autocomplete="off"
    spellcheck="false"
  />`
}
