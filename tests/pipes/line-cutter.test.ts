import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLineCutter } from '../../src/pipes/line-cutter.ts'
import { parsePythonJson } from '../../src/pipes/parse-json.ts'

/** What a cutter makes of a text that comes in pieces of some length. */
function cut(text: string, pieceLength: number, options: { maxBytes?: number; overwrites?: boolean } = {}): [line: string, cut: number][] {
  const lines: [string, number][] = []
  const cutter = createLineCutter({ maxBytes: 1000, ...options, onLine: (line, left) => lines.push([line.toString(), left]) })
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieceLength) cutter.push(bytes.subarray(at, at + pieceLength))
  cutter.end()
  return lines
}

describe('lines', () => {
  test('are the same however the text comes in pieces, the last one too', () => {
    const text = fc.array(fc.constantFrom('a', 'ä', '\n', ' ')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 9 }), (given, length) => {
        const expected = given.split('\n')
        if (expected.at(-1) === '') expected.pop()
        expect(cut(given, length).map(([line]) => line)).toEqual(expected)
      }),
    )
  })

  test.each([1, 2, 5, 100])('that are too long are cut, and what is missing is counted, in pieces of %i', (length) => {
    expect(cut('12345678\n12\n123456', length, { maxBytes: 4 })).toEqual([
      ['1234', 4],
      ['12', 0],
      ['1234', 2],
    ])
  })

  test.each([1, 2, 3, 7, 100])('that are written over show their last state, in pieces of %i', (length) => {
    const text = '10%\r20%\r100%\r\nnext\r\n\rlast\r'
    expect(cut(text, length, { overwrites: true }).map(([line]) => line)).toEqual(['100%', 'next', 'last'])
  })
})

describe('JSON as Python writes it', () => {
  test('may hold numbers that JSON lacks, and integers that are too large for a number: they come as text', () => {
    expect(
      parsePythonJson(
        '{"NaN": [NaN, -Infinity, Infinity], "text": "NaN \\" Infinity", "big": 1152921504606846977, "n": 1234567890.25, "digits": "1234567890123456789"}',
      ),
    ).toEqual({
      NaN: ['NaN', '-Infinity', 'Infinity'],
      text: 'NaN " Infinity',
      big: '1152921504606846977',
      n: 1234567890.25,
      digits: '1234567890123456789',
    })
  })

  test('is what JSON.parse answers for all else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('NaN', 'x'), (value, more) => {
        const json = JSON.stringify({ value, more })
        // A double may be written as an integer that no number can be sure of.
        fc.pre(!/\d{16}/.test(json))
        expect(JSON.stringify(parsePythonJson(json))).toBe(json)
      }),
    )
  })

  test.each(['{"a": NaNa}', '{"a": "NaN', 'NaN NaN', ''])('%j is none', (text) => {
    expect(() => parsePythonJson(text)).toThrow(SyntaxError)
  })
})
