// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Tenant as _warpdrive_v1_Tenant, Tenant__Output as _warpdrive_v1_Tenant__Output } from '../../warpdrive/v1/Tenant.ts';

export interface ListTenantsResponse {
  'tenants'?: (_warpdrive_v1_Tenant)[];
}

export interface ListTenantsResponse__Output {
  'tenants': (_warpdrive_v1_Tenant__Output)[];
}
