// Frames of the protocol: four bytes of length and JSON. Writes of one turn go out together.
export function wire(socket, onMessage) {
  let buffer = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    buffer = buffer.length ? Buffer.concat([buffer, chunk]) : chunk;
    let at = 0;
    while (buffer.length - at >= 4) {
      const length = buffer.readUInt32BE(at);
      if (buffer.length - at - 4 < length) break;
      onMessage(JSON.parse(buffer.toString("utf8", at + 4, at + 4 + length)));
      at += 4 + length;
    }
    buffer = buffer.subarray(at);
  });
  socket.on("error", () => {});
  let queued = [];
  return (message) => {
    const body = Buffer.from(JSON.stringify(message));
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32BE(body.length);
    if (queued.length === 0) {
      setImmediate(() => {
        socket.write(Buffer.concat(queued));
        queued = [];
      });
    }
    queued.push(head, body);
  };
}
