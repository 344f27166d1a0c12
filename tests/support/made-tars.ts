/** What a member of an archive says about itself; a plain file unless told otherwise. */
export type Member = {
  name: string;
  type?: string;
  link?: string;
  content?: string;
  mode?: string;
};

const blockBytes = 512;

/**
 * An archive with these members as they are named here, which no tar would write. `type` is ustar's
 * letter: `0` a file, `1` a hard link, `2` a symbolic one, `3` and `4` a device, `5` a directory, `6`
 * a pipe, `x` what applies to the next member. `mode` has seven octal digits.
 */
export function makeTar(members: Member[]): Buffer {
  const blocks = members.flatMap(({ name, type = '0', link = '', content = '', mode }) => {
    const header = Buffer.alloc(blockBytes);
    const data = Buffer.from(content);
    header.write(name, 0, 100);
    header.write(
      `${mode ?? (type === '5' ? '0000755' : '0000644')}\0${'0000000\0'.repeat(2)}`,
      100,
    );
    header.write(`${data.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0`, 124);
    header.write(' '.repeat(8), 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write('ustar\u000000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const rest = (blockBytes - (data.length % blockBytes)) % blockBytes;
    return [header, data, Buffer.alloc(rest)];
  });
  const whole = Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
  return Buffer.concat([whole, Buffer.alloc((10_240 - (whole.length % 10_240)) % 10_240)]);
}
