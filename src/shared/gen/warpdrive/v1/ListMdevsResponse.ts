// Original file: proto/warpdrive/v1/warpdrive.proto

import type { Mdev as _warpdrive_v1_Mdev, Mdev__Output as _warpdrive_v1_Mdev__Output } from '../../warpdrive/v1/Mdev.ts';

export interface ListMdevsResponse {
  'mdevs'?: (_warpdrive_v1_Mdev)[];
}

export interface ListMdevsResponse__Output {
  'mdevs': (_warpdrive_v1_Mdev__Output)[];
}
