// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ReloadRequest {
  'dryRun'?: (boolean);
}

export interface ReloadRequest__Output {
  'dryRun': (boolean);
}
