// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ListTenantsRequest {
}

export interface ListTenantsRequest__Output {
}
