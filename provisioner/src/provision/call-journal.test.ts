import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { CallJournal } from './call-journal.ts';
import type { CreatePlan } from './create-plan.ts';

const aPlan = (name: string) => ({ volumeName: name, sizeBytes: 2n ** 62n }) as CreatePlan;

async function aDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'berth-journal-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('what is recorded and not closed is there after a restart', async () => {
  await using directory = await aDirectory();
  {
    await using journal = await CallJournal.load(directory.path, silentLogger);
    await Promise.all(['a', 'b', 'c'].map((uid) => journal.record(uid, { plan: aPlan(uid) })));
    journal.forget('b');
    await journal.record('c', { plan: aPlan('c'), volumeId: 'vol-c' });
  }
  await using again = await CallJournal.load(directory.path, silentLogger);
  expect(again.uids().sort()).toEqual(['a', 'c']);
  expect(again.get('a')).toEqual({ plan: aPlan('a') });
  expect(again.get('c')?.volumeId).toBe('vol-c');
});

test('a record torn by a crash is ignored, and those around it are read', async () => {
  await using directory = await aDirectory();
  const file = join(directory.path, 'calls.jsonl');
  {
    await using journal = await CallJournal.load(directory.path, silentLogger);
    await journal.record('a', { plan: aPlan('a') });
    await appendFile(file, '\n{"uid":"torn","call":{"plan":{"volum');
    await journal.record('b', { plan: aPlan('b') });
  }
  await using again = await CallJournal.load(directory.path, silentLogger);
  expect(again.uids().sort()).toEqual(['a', 'b']);
});

test('the same plan again is not written again', async () => {
  await using directory = await aDirectory();
  await using journal = await CallJournal.load(directory.path, silentLogger);
  const plan = aPlan('a');
  await journal.record('a', { plan });
  const before = await readFile(join(directory.path, 'calls.jsonl'), 'utf8');
  await journal.record('a', { plan });
  expect(await readFile(join(directory.path, 'calls.jsonl'), 'utf8')).toBe(before);
});

test('a disk that takes nothing is an error to everyone who shared the write', async () => {
  await using directory = await aDirectory();
  const journal = await CallJournal.load(directory.path, silentLogger);
  await journal[Symbol.asyncDispose]();
  const results = await Promise.allSettled(['a', 'b'].map((uid) => journal.record(uid, { plan: aPlan(uid) })));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(journal.uids()).toEqual([]);
});
