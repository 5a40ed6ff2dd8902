// The part [grpc] of the configuration: how the daemon is reached from other hosts, and what it tells about itself.

import { z } from 'zod';

const path = z.string().min(1);

/** Without encryption and certificates on both sides nobody is reached over TCP, so there is no key for that. */
export const grpcSchema = z
  .strictObject({
    /** Where to listen for other hosts: "host:port", "[::1]:port", ":port" for all addresses. */
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:[\]]*):\d{1,5}$/, '"host:port", "[address]:port" or ":port"')
      .optional(),
    /** The daemon's certificate with those that lead to its authority, and its key: PEM files. */
    certificate: path.optional(),
    key: path.optional(),
    /** The authorities whose clients may connect: a PEM file. */
    client_ca: path.optional(),
    /** Tells clients the contract (gRPC server reflection). */
    reflection: z.boolean().default(false),
  })
  .superRefine(({ listen, ...files }, context) => {
    for (const name of ['certificate', 'key', 'client_ca'] as const) {
      if ((files[name] === undefined) === (listen === undefined)) continue;
      const message = listen === undefined ? 'has no effect without "listen"' : 'needed for "listen"';
      context.addIssue({ code: 'custom', path: [name], message });
    }
  });
export type GrpcConfiguration = z.infer<typeof grpcSchema>;
