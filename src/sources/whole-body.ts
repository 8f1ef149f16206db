interface Parts {
  readonly parts: readonly Uint8Array[]
}

const wholes = new WeakMap<readonly Uint8Array[], Buffer>()

// One getter for all: V8 keeps an object's own one, and the parts it refers to, until the next full collection, so that 40 MB of pages set one off.
const body: PropertyDescriptor & ThisType<Parts> = {
  enumerable: true,
  get() {
    const whole = wholes.get(this.parts) ?? Buffer.concat(this.parts)
    wholes.set(this.parts, whole)
    return whole
  },
}

/** Adds the body in one piece, put together when first asked for. */
export function withBody<T extends Parts>(answer: T): T & { readonly body: Buffer } {
  return Object.defineProperty(answer, 'body', body) as T & { readonly body: Buffer }
}
