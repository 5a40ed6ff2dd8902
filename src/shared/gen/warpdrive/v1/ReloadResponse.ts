// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ReloadResponse {
  'changes'?: (string)[];
}

export interface ReloadResponse__Output {
  'changes': (string)[];
}
