import { createCipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { Executor } from '../../../src/hwdrivers/soft/execute.ts';
import { hasLibrary } from '../../../src/hwdrivers/soft/native.ts';
import { operations } from '../../../src/shared/operations.ts';
import { openFds } from '../../../src/sys/fd.ts';
import { backendsHere, MIB, noise, run, text, withExecutor } from './jobs.ts';

vi.setConfig({ testTimeout: 60_000 });

const sizes = [0, 1, 7, 8, 777, 4095, 65_536, MIB + 3];

test('copy moves ranges, overlapping ones of a region as well, and refuses a small destination', () => {
  withExecutor('auto', (executor) => {
    for (const bytes of sizes) {
      const source = noise(bytes);
      const destination = Buffer.alloc(bytes + 5, 0xa5);
      const moved = run(executor, { operation: 'copy', source, destination });
      expect(moved).toMatchObject({ status: 'OK', produced: bytes, result: 0 });
      expect(destination.subarray(0, bytes).equals(source)).toBe(true);
      expect(destination.subarray(bytes).equals(Buffer.alloc(5, 0xa5))).toBe(true);
    }
    for (const [from, to] of [
      [0, 100],
      [100, 0],
      [10, 11],
      [11, 10],
    ] as const) {
      const region = noise(5000);
      const expected = Buffer.from(region);
      Buffer.from(region.subarray(from, from + 4000)).copy(expected, to);
      const source = region.subarray(from, from + 4000);
      run(executor, { operation: 'copy', source, destination: region.subarray(to) });
      expect(region.equals(expected)).toBe(true);
    }
    const small = run(executor, { operation: 'copy', source: noise(10), destination: Buffer.alloc(9) });
    expect(small).toMatchObject({ status: 'OUTPUT_TOO_SMALL', produced: 0 });
  });
});

test('fill repeats its pattern to the last byte', () => {
  withExecutor('auto', (executor) => {
    const pattern = Buffer.from('01234567');
    for (const bytes of sizes) {
      const parameters = Buffer.alloc(64, 0xff);
      pattern.copy(parameters);
      const destination = Buffer.alloc(bytes);
      const { status, produced } = run(executor, { operation: 'fill', destination, parameters });
      expect({ status, produced }).toEqual({ status: 'OK', produced: bytes });
      expect(destination.every((byte, at) => byte === pattern[at % 8])).toBe(true);
    }
    const zeros = noise(100);
    run(executor, { operation: 'fill', destination: zeros });
    expect(zeros.equals(Buffer.alloc(100))).toBe(true);
  });
});

test('factorial is modulo 2^32, also where that is 0', () => {
  withExecutor('auto', (executor) => {
    const of = (operand: number): number => {
      const parameters = Buffer.alloc(64);
      parameters.writeUInt32LE(operand);
      return run(executor, { operation: 'factorial', parameters }).result;
    };
    expect([0, 1, 5, 12, 13, 33, 34, 2 ** 32 - 1].map(of)).toEqual([
      1, 1, 120, 479_001_600, 1_932_053_504, 2_147_483_648, 0, 0,
    ]);
  });
});

test('compare finds the first difference, wherever it is', () => {
  withExecutor('auto', (executor) => {
    for (const bytes of sizes) {
      const source = noise(bytes);
      const same = run(executor, { operation: 'compare', source, auxiliary: Buffer.from(source) });
      expect(same).toMatchObject({ status: 'OK', result: 0, produced: bytes });
      for (const at of [0, 1, 4095, 4096, 4097, bytes - 1].filter((at) => at >= 0 && at < bytes)) {
        const auxiliary = Buffer.from(source);
        auxiliary[at] = (auxiliary[at] ?? 0) ^ 1;
        auxiliary[bytes - 1] = (source[bytes - 1] ?? 0) ^ 1;
        const different = run(executor, { operation: 'compare', source, auxiliary });
        expect(different).toMatchObject({ status: 'OK', result: 1, produced: at });
      }
    }
    const lengths = run(executor, { operation: 'compare', source: noise(3), auxiliary: noise(4) });
    expect(lengths).toMatchObject({ status: 'BAD_LENGTH', result: 0, produced: 0 });
  });
});

test.each(backendsHere)('%s: crc32 is that of gzip, without a sign', (backend) => {
  withExecutor(backend, (executor) => {
    const sum = (source: Buffer): number => run(executor, { operation: 'crc32', source }).result;
    expect(sum(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(sum(Buffer.alloc(0))).toBe(0);
    for (const bytes of sizes) expect(sum(noise(bytes, bytes + 1))).toBe(crc32(noise(bytes, bytes + 1)));
  });
});

test('digests are those of FIPS 180-4, and take no destination that is too small', () => {
  const known = [
    ['sha-256', '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['sha-256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'sha-256',
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    [
      'sha-512',
      'abc',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
        '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    ],
  ] as const;
  withExecutor('auto', (executor) => {
    for (const [operation, message, digest] of known) {
      const destination = Buffer.alloc(100);
      const { status, output } = run(executor, { operation, source: Buffer.from(message), destination });
      expect([status, output.toString('hex')]).toEqual(['OK', digest]);
    }
    for (const [operation, algorithm, bytes] of [
      ['sha-256', 'sha256', 32],
      ['sha-512', 'sha512', 64],
    ] as const) {
      for (const size of sizes) {
        const destination = Buffer.alloc(bytes);
        run(executor, { operation, source: noise(size), destination });
        expect(destination.equals(createHash(algorithm).update(noise(size)).digest())).toBe(true);
      }
      const small = run(executor, { operation, source: noise(9), destination: Buffer.alloc(bytes - 1) });
      expect(small).toMatchObject({ status: 'OUTPUT_TOO_SMALL', produced: 0 });
    }
  });
});

/** The Galois/Counter Mode of Operation (McGrew, Viega), appendix B, test case 16. */
const gcm = {
  key: Buffer.from('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308', 'hex'),
  iv: Buffer.from('cafebabefacedbaddecaf888', 'hex'),
  aad: Buffer.from('feedfacedeadbeeffeedfacedeadbeefabaddad2', 'hex'),
  plain: Buffer.from(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
      '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    'hex',
  ),
  cipher: Buffer.from(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
      '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    'hex',
  ),
  tag: Buffer.from('76fc6ece0f4e1768cddf8853bb2d551b', 'hex'),
};

/** NIST SP 800-38A, F.2.5: CBC-AES256. Without padding, so the last block of ours comes on top. */
const cbc = {
  key: Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex'),
  iv: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
  plain: Buffer.from(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
      '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
    'hex',
  ),
  cipher: Buffer.from(
    'f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d' +
      '39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b',
    'hex',
  ),
};

function parametersOf(iv: Buffer, tag: Buffer = Buffer.alloc(16)): Buffer {
  const parameters = Buffer.alloc(64);
  iv.copy(parameters, 0);
  tag.copy(parameters, 16);
  return parameters;
}

test('GCM encrypts and decrypts the published vector', () => {
  const { key, iv, aad, plain, cipher, tag } = gcm;
  withExecutor('auto', (executor) => {
    const encrypted = run(executor, {
      operation: 'aes-256-gcm-encrypt',
      key,
      source: plain,
      auxiliary: aad,
      destination: Buffer.alloc(60),
      parameters: parametersOf(iv),
    });
    expect(encrypted).toMatchObject({ status: 'OK', produced: 60 });
    expect(encrypted.output.equals(cipher)).toBe(true);
    expect(encrypted.parameters.equals(parametersOf(iv, tag))).toBe(true);
    const decrypted = run(executor, {
      operation: 'aes-256-gcm-decrypt',
      key,
      source: cipher,
      auxiliary: aad,
      destination: Buffer.alloc(60),
      parameters: parametersOf(iv, tag),
    });
    expect(decrypted.status).toBe('OK');
    expect(decrypted.output.equals(plain)).toBe(true);
  });
});

test('GCM agrees with node:crypto for every size, with and without additional data, in place too', () => {
  const { key, iv } = gcm;
  withExecutor('auto', (executor) => {
    for (const bytes of sizes) {
      for (const auxiliary of [Buffer.alloc(0), noise(33)]) {
        const memory = noise(bytes, 5);
        const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(auxiliary);
        const expected = Buffer.concat([cipher.update(memory), cipher.final()]);
        const parameters = parametersOf(iv);
        const both = { key, auxiliary, source: memory, destination: memory, parameters };
        expect(run(executor, { operation: 'aes-256-gcm-encrypt', ...both }).produced).toBe(bytes);
        expect(memory.equals(expected)).toBe(true);
        expect(parameters.equals(parametersOf(iv, cipher.getAuthTag()))).toBe(true);
        expect(run(executor, { operation: 'aes-256-gcm-decrypt', ...both }).status).toBe('OK');
        expect(memory.equals(noise(bytes, 5))).toBe(true);
      }
    }
  });
});

test('GCM gives out nothing of a text whose tag, IV, key, data or text is wrong', () => {
  const { key, iv, aad, cipher, tag } = gcm;
  const flipped = (buffer: Buffer): Buffer => {
    const copy = Buffer.from(buffer);
    copy[3] = (copy[3] ?? 0) ^ 8;
    return copy;
  };
  withExecutor('auto', (executor) => {
    for (const wrong of [
      { parameters: parametersOf(iv, flipped(tag)) },
      { parameters: parametersOf(flipped(iv), tag) },
      { key: flipped(key) },
      { auxiliary: flipped(aad) },
      { auxiliary: Buffer.alloc(0) },
      { source: flipped(cipher) },
      { source: cipher.subarray(1) },
      { source: Buffer.alloc(0) },
    ]) {
      const destination = Buffer.alloc(60, 0xa5);
      const right = { key, source: cipher, auxiliary: aad, parameters: parametersOf(iv, tag) };
      const outcome = run(executor, { operation: 'aes-256-gcm-decrypt', destination, ...right, ...wrong });
      expect(outcome).toMatchObject({ status: 'WRONG_TAG', produced: 0 });
      expect(destination.equals(Buffer.alloc(60, 0xa5))).toBe(true);
    }
  });
});

test('CBC encrypts and decrypts the published vector, padded', () => {
  const { key, iv, plain, cipher } = cbc;
  withExecutor('auto', (executor) => {
    const parameters = parametersOf(iv);
    const destination = Buffer.alloc(80);
    const encrypted = run(executor, {
      operation: 'aes-256-cbc-encrypt',
      key,
      source: plain,
      destination,
      parameters,
    });
    expect(encrypted).toMatchObject({ status: 'OK', produced: 80 });
    expect(encrypted.output.subarray(0, 64).equals(cipher)).toBe(true);
    const source = Buffer.from(destination);
    const decrypted = run(executor, {
      operation: 'aes-256-cbc-decrypt',
      key,
      source,
      destination,
      parameters,
    });
    expect(decrypted).toMatchObject({ status: 'OK', produced: 64 });
    expect(decrypted.output.equals(plain)).toBe(true);
  });
});

test('CBC agrees with node:crypto for every size', () => {
  const { key, iv } = cbc;
  const parameters = parametersOf(iv);
  withExecutor('auto', (executor) => {
    for (const bytes of [...sizes, 15, 16, 17]) {
      const cipher = createCipheriv('aes-256-cbc', key, iv);
      const expected = Buffer.concat([cipher.update(noise(bytes)), cipher.final()]);
      const destination = Buffer.alloc(expected.length);
      const source = noise(bytes);
      run(executor, { operation: 'aes-256-cbc-encrypt', key, source, destination, parameters });
      expect(destination.equals(expected)).toBe(true);
      const back = Buffer.alloc(bytes);
      const decrypt = 'aes-256-cbc-decrypt';
      expect(
        run(executor, { operation: decrypt, key, source: expected, destination: back, parameters }),
      ).toMatchObject({ status: 'OK', produced: bytes });
      expect(back.equals(source)).toBe(true);
    }
  });
});

test('CBC tells lengths, paddings and destinations that are wrong apart', () => {
  const { key, iv, cipher } = cbc;
  const parameters = parametersOf(iv);
  withExecutor('auto', (executor) => {
    const decrypt = (source: Buffer, room: number): unknown => {
      const destination = Buffer.alloc(room, 0xa5);
      const outcome = run(executor, {
        operation: 'aes-256-cbc-decrypt',
        key,
        source,
        destination,
        parameters,
      });
      if (outcome.status !== 'OK') expect(destination.equals(Buffer.alloc(room, 0xa5))).toBe(true);
      return outcome.status;
    };
    for (const bytes of [0, 1, 15, 17, 63]) expect(decrypt(cipher.subarray(0, bytes), 64)).toBe('BAD_LENGTH');
    expect(decrypt(cipher, 64)).toBe('CORRUPT_INPUT'); // its last block ends with the vector's text, no padding
    const encryption = createCipheriv('aes-256-cbc', key, iv);
    const padded = Buffer.concat([encryption.update(text(30)), encryption.final()]);
    expect(decrypt(padded, 29)).toBe('OUTPUT_TOO_SMALL');
    expect(decrypt(padded, 30)).toBe('OK');
    for (const [bytes, room] of [
      [0, 15],
      [15, 15],
      [16, 31],
    ] as const) {
      const destination = Buffer.alloc(room);
      const source = noise(bytes);
      const { status } = run(executor, {
        operation: 'aes-256-cbc-encrypt',
        key,
        source,
        destination,
        parameters,
      });
      expect(status).toBe('OUTPUT_TOO_SMALL');
    }
  });
});

test('inputs above the limit are refused by every operation that has one', () => {
  const executor = new Executor({ backend: 'auto', requestBytesMax: 1000 });
  const large = noise(1001);
  for (const { name, ranges } of Object.values(operations)) {
    const request = { operation: name, key: gcm.key, destination: Buffer.alloc(2000) };
    if (ranges.source) expect(run(executor, { ...request, source: large }).status).toBe('TOO_LARGE');
    if (ranges.auxiliary !== 'no') {
      expect(run(executor, { ...request, auxiliary: large }).status).toBe('TOO_LARGE');
    }
  }
  executor.close();
});

test('an executor gives back all that it took, also one that could not be made', () => {
  const before = new Map(openFds());
  for (const backend of backendsHere) {
    withExecutor(backend, (executor) => {
      const destination = Buffer.alloc(2000);
      for (const level of [1, 6]) {
        run(executor, { operation: 'gzip-compress', level, source: text(1000), destination });
      }
    });
  }
  for (const backend of ['libisal', 'libdeflate'] as const) {
    if (hasLibrary(backend)) continue;
    expect(() => new Executor({ backend, requestBytesMax: 4096 })).toThrow(/apt install/);
  }
  expect(new Map(openFds())).toEqual(before);
});

test.each(backendsHere)('%s: large requests leave no memory behind, also those that fail', (backend) => {
  const executor = new Executor({ backend, requestBytesMax: 16 * MIB });
  const source = text(12 * MIB);
  const destination = Buffer.alloc(13 * MIB);
  const member = Buffer.from(
    run(executor, { operation: 'gzip-compress', level: 1, source, destination }).output,
  );
  expect(residentBytes('warpdrive-soft-')).toBeLessThan(MIB);
  const back = Buffer.alloc(12 * MIB);
  expect(run(executor, { operation: 'gzip-decompress', source: member, destination: back }).status).toBe(
    'OK',
  );
  expect(back.equals(source)).toBe(true);
  expect(residentBytes('warpdrive-soft-')).toBeLessThan(MIB);
  const bomb = gzipSync(Buffer.alloc(12 * MIB));
  const small = back.subarray(0, 11 * MIB);
  const failed = run(executor, { operation: 'gzip-decompress', source: bomb, destination: small });
  expect(failed.status).toBe('OUTPUT_TOO_SMALL');
  expect(residentBytes('warpdrive-soft-')).toBeLessThan(MIB);
  const after = run(executor, { operation: 'gzip-compress', source: text(100), destination });
  expect(gunzipSync(after.output).equals(text(100))).toBe(true);
  executor.close();
});

/** What our private memory whose names begin so has in pages. */
function residentBytes(name: string): number {
  const mappings = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const ours = mappings.filter((mapping) => mapping.includes(`/memfd:${name}`));
  expect(ours).toHaveLength(2); // input and output
  return ours.reduce((sum, mapping) => sum + Number(/^Rss:\s+(\d+) kB/m.exec(mapping)?.[1]) * 1024, 0);
}

test('every operation is reported with the library that serves it', () => {
  for (const backend of backendsHere) {
    withExecutor(backend, ({ backends }) => {
      expect([...backends.keys()]).toEqual(Object.keys(operations));
      if (backend !== 'auto') expect(backends.get('crc32')).toBe(backend);
      if (backend !== 'auto') expect(backends.get('gzip-decompress')).toBe(backend);
      expect(backends.get('aes-256-gcm-encrypt')).toBe('node');
    });
  }
});
