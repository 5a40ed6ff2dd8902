// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ReleaseRegionResponse {
}

export interface ReleaseRegionResponse__Output {
}
