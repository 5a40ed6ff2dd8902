// Structs as data. A layout is declared once; its offsets, size, alignment and lack of overlap are checked when
// the module loads, so a wrong table stops the process before it can write a wrong byte.

import { assert } from './assert.ts';

/** Who writes a field: the side that submits, the side that serves, or both in turn. */
type Writer = 'client' | 'engine' | 'either';

interface Field {
  readonly offset: number;
  readonly bytes: number;
  readonly writer: Writer;
  readonly meaning: string;
}

export interface Layout<Name extends string> {
  readonly name: string;
  readonly bytes: number;
  readonly fields: Readonly<Record<Name, Field>>;
}

type FieldRow = readonly [offset: number, bytes: number, writer: Writer, meaning: string];

/** Declares a struct of `bytes` bytes. Scalars (1, 2, 4, 8 bytes) must be naturally aligned. */
export function declareLayout<Name extends string>(
  name: string,
  bytes: number,
  rows: Readonly<Record<Name, FieldRow>>,
): Layout<Name> {
  const fields = {} as Record<Name, Field>;
  let end = 0;
  const inOrder = (Object.entries(rows) as [Name, FieldRow][]).sort(([, a], [, b]) => a[0] - b[0]);
  for (const [field, [offset, fieldBytes, writer, meaning]] of inOrder) {
    assert(offset >= end, `${name}.${field} at ${offset} overlaps the field before it, which ends at ${end}`);
    const isScalar = fieldBytes <= 8;
    assert(
      !isScalar || [1, 2, 4, 8].includes(fieldBytes),
      `${name}.${field} has an odd width of ${fieldBytes}`,
    );
    assert(!isScalar || offset % fieldBytes === 0, `${name}.${field} at ${offset} is not aligned`);
    end = offset + fieldBytes;
    fields[field] = { offset, bytes: fieldBytes, writer, meaning };
  }
  assert(end <= bytes, `${name} ends at ${end}, after its ${bytes} bytes`);
  return { name, bytes, fields };
}

/** The index of a 4-byte field in an Int32Array over the struct. */
export function wordOf<Name extends string>(layout: Layout<Name>, field: Name): number {
  const { offset, bytes } = layout.fields[field];
  assert(bytes === 4, `${layout.name}.${field} is not a word`);
  return offset / 4;
}
