import type { Binding } from './plan.ts'

declare const produces: unique symbol
const mark: unique symbol = Symbol('millrace.ref')

/** The value that a step will have made, while a graph is composed: hand it to another step. There is nothing to read in it yet. */
export interface Ref<out T> {
  /** For the compiler alone. */
  readonly [produces]: T
}

/** What a reference stands for, and where it may be used. */
interface RefInside {
  readonly binding: Binding
  /** The composition that it was made in. */
  readonly composition: object
  /** The mapping whose branch it belongs to. */
  readonly map: string | undefined
}

export function makeRef<T>(inside: RefInside): Ref<T> {
  return Object.freeze({ [mark]: inside }) as unknown as Ref<T>
}

/** What is inside of a reference; undefined of anything else. */
export function insideOf(value: unknown): RefInside | undefined {
  return typeof value === 'object' && value !== null && mark in value ? (value as { readonly [mark]: RefInside })[mark] : undefined
}

/** What an input takes: a value, a reference to one, or, for a list, a list of both. */
export type Given<T> = T | Ref<T> | (T extends readonly (infer Item)[] ? readonly (Item | Ref<Item>)[] : never)

/** One reference, or several by name: what a graph answers. */
export type Refs = Ref<unknown> | { readonly [name: string]: Ref<unknown> }
