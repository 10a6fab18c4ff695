import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { seededRng } from '@berth/kit';

const mostBytes = 300_000;
/** Reads the file through a mapping, as programs and libraries are. */
const mapped =
  'import mmap,sys; f=open(sys.argv[1],"rb"); m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ); sys.stdout.buffer.write(m[:])';

/** Does random things to one file and to a model of it in memory, after the idea of fsx. @throws Error where they differ. */
export function exerciseFile(path: string, { seed, operations }: { seed: number; operations: number }): void {
  const rng = seededRng(seed);
  const below = (limit: number) => Math.floor(rng.next() * limit);
  let model = Buffer.alloc(0);
  let fd = openSync(path, 'w+');
  const agree = (got: Buffer, want: Buffer, what: string) => {
    if (!got.equals(want)) throw new Error(`seed ${seed}: ${what}: ${got.length} bytes, expected ${want.length}`);
  };
  const actions: readonly ((step: number) => void)[] = [
    (step) => {
      const [offset, data] = [below(mostBytes), Buffer.alloc(1 + below(70_000), step & 0xff)];
      writeSync(fd, data, 0, data.length, offset);
      const grown = Buffer.alloc(Math.max(model.length, offset + data.length));
      model.copy(grown);
      data.copy(grown, offset);
      model = grown;
    },
    (step) => {
      const [offset, length] = [below(mostBytes), 1 + below(100_000)];
      const got = Buffer.alloc(length);
      const count = readSync(fd, got, 0, length, offset);
      agree(got.subarray(0, count), model.subarray(offset, offset + length), `step ${step}: read at ${offset}`);
    },
    () => {
      const size = below(mostBytes);
      ftruncateSync(fd, size);
      const cut = Buffer.alloc(size);
      model.copy(cut);
      model = cut;
    },
    () => fsyncSync(fd),
    (step) => {
      closeSync(fd);
      fd = openSync(path, 'r+');
      if (fstatSync(fd).size !== model.length)
        throw new Error(`seed ${seed}: step ${step}: size ${fstatSync(fd).size}`);
    },
  ];
  for (let step = 0; step < operations; step++) {
    // Writes and reads are most of it.
    const choice = below(10);
    actions[choice < 4 ? 0 : choice < 7 ? 1 : choice - 5]?.(step);
    if (step % 100 === 50 && model.length > 0)
      agree(execFileSync('python3', ['-c', mapped, path], { maxBuffer: 1 << 24 }), model, `step ${step}: mapped`);
  }
  closeSync(fd);
}
