// A home on echonet-lite, with a storage battery, a vehicle's charger-discharger, a solar plant and a smart meter whose clock shows
// UTC: node echonet_node.cjs OWN_PORT ASKERS_PORT. It reads and writes every frame with that library, does what it is set to, and
// says in a line when it is there, and what it was set to.
const EL = require('echonet-lite');

const [ownPort, askersPort] = process.argv.slice(2).map(Number);
const [BATTERY, VEHICLE, SOLAR, METER] = ['027d01', '027e01', '027901', '028801'];
const identity = [0xfe, 0x00, 0x00, 0x77, ...new Array(12).fill(0), 0x2a];
const started = new Date();
const devices = {
    '0ef001': {
        83: identity, '8a': [0x00, 0x00, 0x77],
        d6: [0x04, 0x02, 0x7d, 0x01, 0x02, 0x7e, 0x01, 0x02, 0x79, 0x01, 0x02, 0x88, 0x01],
    },
    [BATTERY]: {
        80: [0x30], 88: [0x42], d3: [0, 0, 0, 0], da: [0x44], db: [0x00], e2: [0, 0, 0x27, 0x10], e4: [0x32],
        a8: [0, 0, 0x03, 0xe8], a9: [0, 0, 0, 0x64], eb: [0, 0, 0, 0], ec: [0, 0, 0, 0], c1: [0x01], c2: [0x01],
        '9e': [0x05, 0xda, 0xeb, 0xec, 0xc1, 0xc2],
    },
    [VEHICLE]: {
        80: [0x30], 88: [0x42], c7: [0x43], d3: [0, 0, 0, 0], da: [0x47], db: [0x00], e2: [0, 0, 0x75, 0x30], e4: [0x4b],
        d8: [0, 0, 0x13, 0x88], d6: [0, 0, 0x03, 0xe8], eb: [0, 0, 0, 0], ec: [0, 0, 0, 0], dc: [0x01], dd: [0x02],
        c8: [0, 0, 0, 0x64, 0, 0, 0x17, 0x70], c9: [0, 0, 0, 0xc8, 0, 0, 0x0b, 0xb8], cd: [0x10],
        '9e': [0x06, 0xcd, 0xda, 0xeb, 0xec, 0xdc, 0xdd],
    },
    [SOLAR]: { 80: [0x30], 88: [0x42], e0: [0x0f, 0xa0], e1: [0x00, 0x01, 0xe2, 0x40] },
    [METER]: {
        80: [0x30], 88: [0x42], d3: [0, 0, 0, 0x01], e1: [0x01], e0: [0, 0, 0x30, 0x39], e3: [0, 0, 0, 0x01],
        e7: [0xff, 0xff, 0xfe, 0x0c], e5: [0x00], '9e': [0x01, 0xe5],
        98: [started.getUTCFullYear() >> 8, started.getUTCFullYear() & 0xff, started.getUTCMonth() + 1, started.getUTCDate()],
        97: [started.getUTCHours(), started.getUTCMinutes()],
    },
};

// What the meter keeps of a day: midnight only, of today 123.4 kWh and nothing, of the day before it has no value.
function keep(day) {
    const none = [0xff, 0xff, 0xff, 0xfe];
    const told = (count) => [0, day, ...(day ? none : [0, 0, ...count]), ...new Array(47).fill(none).flat()];
    Object.assign(devices[METER], { e2: told([0x04, 0xd2]), e4: told([0x00, 0x00]) });
}
keep(0);

function follow(eoj) {
    if (eoj === METER) return keep(devices[METER].e5[0]);
    const store = devices[eoj];
    const [mode] = store.da;
    const amount = Buffer.from(mode === 0x42 ? store.eb : store.ec).readUInt32BE();
    const power = Buffer.alloc(4);
    power.writeInt32BE(mode === 0x42 ? amount : mode === 0x43 ? -amount : 0);
    store.d3 = [...power];
}

function heard(rinfo, els, error) {
    if (error || !devices[els.DEOJ]) return;
    if (els.ESV === EL.GET) EL.replyGetDetail(rinfo, els, devices);
    if (els.ESV === EL.SETC) {
        for (const [code, value] of Object.entries(els.DETAILs)) {
            devices[els.DEOJ][code] = EL.toHexArray(value);
        }
        follow(els.DEOJ);
        console.log(JSON.stringify([els.DEOJ, els.DETAILs]));
        const taken = Object.keys(els.DETAILs).flatMap((code) => [parseInt(code, 16), 0]);
        const [tid, from, to] = [els.TID, els.DEOJ, els.SEOJ].map(EL.toHexArray);
        EL.sendArray(rinfo, [0x10, 0x81, ...tid, ...from, ...to, 0x71, taken.length / 2, ...taken]);
    }
}

// The library knows one port for both sides: it is bound to ours, then answers go to the asker's.
EL.EL_port = ownPort;
const options = { v4: '', autoGetProperties: false, ignoreMe: false };
EL.initialize([BATTERY, VEHICLE, SOLAR, METER], heard, 4, options).then((socket) => {
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
