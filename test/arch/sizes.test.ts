import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const packages = readdirSync(root).filter((name) => existsSync(join(root, name, 'src')));
const sources = packages
  .flatMap((name) =>
    readdirSync(join(root, name, 'src'), { recursive: true, encoding: 'utf8' }).map((file) => join(name, 'src', file)),
  )
  .filter((file) => file.endsWith('.ts') && !file.includes('/gen/'));

test('no source file is longer than 400 lines', () => {
  const long = sources.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 401);
  expect(long).toEqual([]);
});

test('no source file has a name that says nothing', () => {
  expect(sources.filter((file) => /\/(utils?|helpers?|common|types|misc)\.ts$/.test(file))).toEqual([]);
});

test('only clock.ts, random.ts and programs read the time, timers and chance of the machine', () => {
  const banned = /\b(Date\.now\(|setTimeout\(|setInterval\(|Math\.random\()/;
  const free =
    /kit\/src\/(clock|random)\.ts$|\/main\.ts$|protos\/src\/(client|server)\.ts$|\.test\.ts$|\.contract\.ts$/;
  const wrong = sources.filter((file) => !free.test(file) && banned.test(readFileSync(join(root, file), 'utf8')));
  expect(wrong).toEqual([]);
});
