/** Reading WAV pieces without the browser's decoder, which would bring them to its own rate and so lose what is above 24 kHz. */

export interface Sound {
  sampleRate: number;
  /** One array for each channel, −1…1. */
  channels: Float32Array<ArrayBuffer>[];
}

export function readWav(buffer: ArrayBuffer): Sound {
  const data = new DataView(buffer);
  const word = (at: number) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 44 || word(0) !== "RIFF" || word(8) !== "WAVE") throw new Error("The sound cannot be played: what came is no WAV.");
  let [format, n, sampleRate, bits] = [0, 0, 0, 0];
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const [name, size] = [word(at), data.getUint32(at + 4, true)];
    if (name === "fmt ") {
      format = data.getUint16(at + 8, true);
      n = data.getUint16(at + 10, true);
      sampleRate = data.getUint32(at + 12, true);
      bits = data.getUint16(at + 22, true);
      // The extended form says what it holds further on.
      if (format === 0xfffe) format = data.getUint16(at + 32, true);
    } else if (name === "data") {
      const bytes = bits / 8;
      const length = Math.floor(Math.min(size, buffer.byteLength - at - 8) / bytes / n);
      const value = reader(data, format, bits);
      const channels = Array.from({ length: n }, (_, channel) => Float32Array.from({ length }, (_, i) => value(at + 8 + (i * n + channel) * bytes)));
      return { sampleRate, channels };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("The sound cannot be played: the WAV has no data.");
}

function reader(data: DataView, format: number, bits: number): (at: number) => number {
  if (format === 3 && bits === 32) return (at) => data.getFloat32(at, true);
  if (format === 3 && bits === 64) return (at) => data.getFloat64(at, true);
  if (format === 1 && bits === 8) return (at) => (data.getUint8(at) - 128) / 128;
  if (format === 1 && bits === 16) return (at) => data.getInt16(at, true) / 32768;
  if (format === 1 && bits === 24) return (at) => (data.getUint16(at, true) + data.getInt8(at + 2) * 65536) / 8388608;
  if (format === 1 && bits === 32) return (at) => data.getInt32(at, true) / 2147483648;
  throw new Error(`The sound cannot be played: its WAV has ${bits} bits in form ${format}.`);
}
