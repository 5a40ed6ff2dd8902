// Original file: proto/warpdrive/v1/warpdrive.proto

export const Ran = {
  RAN_UNSPECIFIED: 'RAN_UNSPECIFIED',
  RAN_NO: 'RAN_NO',
  RAN_MAYBE: 'RAN_MAYBE',
} as const;

export type Ran =
  | 'RAN_UNSPECIFIED'
  | 0
  | 'RAN_NO'
  | 1
  | 'RAN_MAYBE'
  | 2

export type Ran__Output = typeof Ran[keyof typeof Ran]
