import { expect, test } from 'vitest';
import { poly1305 } from './poly1305.ts';
import { secretbox } from './secretbox.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

test('a tag is that of RFC 8439 §2.5.2', () => {
  const key = hex('85d6be7857556d337f4452fe42d506a8 0103808afb0db2fd4abff6af4149f51b');
  expect(poly1305(key, Buffer.from('Cryptographic Forum Research Group'))).toEqual(
    hex('a8061dc1305136c6c22b8baf0c0127a9'),
  );
});

/** Of NaCl's own tests: secretbox.c and secretbox.out. */
const secret = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
const message = hex(`
  be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31
  0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde 048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864
  5e0705`);
const boxed = hex(`
  f3ffc7703f9400e52a7dfb4b3d3305d9 8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a
  c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738 b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da
  99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74 e355a5`);

test('what NaCl sealed is opened', () => {
  const { data } = secretbox(secret).open(Buffer.concat([nonce, boxed]), '');
  expect(Buffer.from(data)).toEqual(message);
});

test.each([0, 1, 31, 32, 33, 64, 1000])('%d bytes are sealed and opened again', (length) => {
  const box = secretbox(secret);
  const data = Buffer.alloc(length, 'text');
  const sealed = box.seal(data, 'k');
  expect(sealed.length).toBe(length + 40);
  expect(Buffer.from(box.open(sealed, 'other').data)).toEqual(data);
});

test('what was changed, or sealed with another key, is not opened', () => {
  const sealed = Buffer.from(secretbox(secret).seal(Buffer.from('text'), 'k'));
  const words = 'output array was not large enough for encryption';
  for (const at of [0, 24, sealed.length - 1]) {
    const other = Buffer.from(sealed);
    other[at]! ^= 1;
    expect(() => secretbox(secret).open(other, 'k')).toThrow(words);
  }
  expect(() => secretbox(Buffer.alloc(32)).open(sealed, 'k')).toThrow(words);
  expect(() => secretbox(secret).open(sealed.subarray(0, 39), 'k')).toThrow('shorter than the required size');
});
