// A storage battery on echonet-lite: node echonet_node.cjs OWN_PORT ASKERS_PORT. It reads and writes every frame with that
// library, does what it is set to, and says in a line when it is there, and what it was set to.
const EL = require('echonet-lite');

const [ownPort, askersPort] = process.argv.slice(2).map(Number);
const BATTERY = '027d01';
const identity = [0xfe, 0x00, 0x00, 0x77, ...new Array(12).fill(0), 0x2a];
const devices = {
    '0ef001': { 83: identity, '8a': [0x00, 0x00, 0x77], d6: [0x01, 0x02, 0x7d, 0x01] },
    [BATTERY]: {
        80: [0x30], 88: [0x42], d3: [0, 0, 0, 0], da: [0x44], db: [0x00], e2: [0, 0, 0x27, 0x10], e4: [0x32],
        a8: [0, 0, 0x03, 0xe8], a9: [0, 0, 0, 0x64], eb: [0, 0, 0, 0], ec: [0, 0, 0, 0], c1: [0x01], c2: [0x01],
        '9e': [0x05, 0xda, 0xeb, 0xec, 0xc1, 0xc2],
    },
};

function follow() {
    const battery = devices[BATTERY];
    const [mode] = battery.da;
    const amount = Buffer.from(mode === 0x42 ? battery.eb : battery.ec).readUInt32BE();
    const power = Buffer.alloc(4);
    power.writeInt32BE(mode === 0x42 ? amount : mode === 0x43 ? -amount : 0);
    battery.d3 = [...power];
}

function heard(rinfo, els, error) {
    if (error || !devices[els.DEOJ]) return;
    if (els.ESV === EL.GET) EL.replyGetDetail(rinfo, els, devices);
    if (els.ESV === EL.SETC) {
        for (const [code, value] of Object.entries(els.DETAILs)) {
            devices[els.DEOJ][code] = EL.toHexArray(value);
        }
        follow();
        console.log(JSON.stringify(els.DETAILs));
        const taken = Object.keys(els.DETAILs).flatMap((code) => [parseInt(code, 16), 0]);
        const [tid, from, to] = [els.TID, els.DEOJ, els.SEOJ].map(EL.toHexArray);
        EL.sendArray(rinfo, [0x10, 0x81, ...tid, ...from, ...to, 0x71, taken.length / 2, ...taken]);
    }
}

// The library knows one port for both sides: it is bound to ours, then answers go to the asker's.
EL.EL_port = ownPort;
const options = { v4: '', autoGetProperties: false, ignoreMe: false };
EL.initialize([BATTERY], heard, 4, options).then((socket) => {
    const ready = () => {
        EL.EL_port = askersPort;
        console.log('ready');
    };
    try {
        socket.address();
        ready();
    } catch {
        socket.once('listening', ready);
    }
});
