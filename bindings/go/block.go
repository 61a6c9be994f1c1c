package dhmem

import (
	"dhmem/internal/native"
)

// Block is memory of the region that one participant owns. From Region.Allocate, Message.Block and Region.Load. It is
// aligned to 64 bytes. One goroutine at a time may use it. A block that is neither sent nor freed stays until the region is
// closed.
type Block struct {
	memory
	at uint32
	// Who owns it, if that is not this participant: "message" or "region".
	owner string
}

// Allocate allocates a block, which contains old bytes: ErrRegionFull or ErrNoSpace if there is no memory.
func (r *Region) Allocate(length int) (*Block, error) {
	if length < 0 {
		return nil, badArgument("length", length, "at least 0")
	}
	s := r.state
	s.Lock()
	defer s.Unlock()
	block, err := got(s, func() (native.Block, native.Code) { return s.calls.Allocate(uint64(length)) })
	if err != nil {
		return nil, err
	}
	return newBlock(r, block, ""), nil
}

func newBlock(region *Region, native native.Block, owner string) *Block {
	b := &Block{at: native.At, owner: owner}
	b.open(region, native.Data, native.Length)
	return b
}

func (b *Block) native() native.Block {
	return native.Block{Data: b.data, Length: b.length, At: b.at}
}

// owned is the block if it is this participant's own. The lock is held.
func (b *Block) owned() (native.Block, error) {
	if b.gone != "" {
		return native.Block{}, fail(ErrClosed, "This block %s, so it is no longer here; allocate another", b.gone)
	}
	if b.owner != "" {
		return native.Block{}, fail(ErrBadArgument, "This block belongs to its %s; take or clone it first", b.owner)
	}
	return b.native(), nil
}

func (b *Block) spend(how string) { b.close(how) }

// Free frees the block. A block that was sent, saved or freed is left alone.
func (b *Block) Free() error {
	s := b.region.state
	s.Lock()
	defer s.Unlock()
	if b.gone != "" {
		return nil
	}
	block, err := b.owned()
	if err != nil {
		return err
	}
	if code := s.calls.Free(block); code != native.OK {
		return failed(s.calls, code)
	}
	b.spend("was freed")
	return nil
}

// Clone makes another reference to the same memory, to be sent or freed on its own. The last one frees the memory.
func (b *Block) Clone() (*Block, error) {
	s := b.region.state
	s.Lock()
	defer s.Unlock()
	block, err := b.owned()
	if err != nil {
		return nil, err
	}
	clone, code := s.calls.Clone(&block)
	if code != native.OK {
		return nil, failed(s.calls, code)
	}
	b.at = block.At
	return newBlock(b.region, clone, ""), nil
}

// Save gives the block to the region, under a token: text by which any process finds it. It stays until FreeSaved.
func (b *Block) Save() (string, error) {
	s := b.region.state
	s.Lock()
	defer s.Unlock()
	block, err := b.owned()
	if err != nil {
		return "", err
	}
	token, code := s.calls.Save(block)
	if code != native.OK {
		return "", failed(s.calls, code)
	}
	b.spend("was saved")
	return token, nil
}

// LoadBlock returns the block under a token, to read and write. ErrBadHandle if it is gone, or was never a token of this
// region. The block belongs to the region. When somebody has freed it, its methods panic with ErrBadHandle.
func (r *Region) LoadBlock(token string) (*Block, error) {
	block, err := r.saved(token)
	if err != nil {
		return nil, err
	}
	loaded := newBlock(r, block, "region")
	loaded.lookUp = func() error {
		_, err := r.saved(token)
		return err
	}
	return loaded, nil
}

func (r *Region) saved(token string) (native.Block, error) {
	s := r.state
	s.Lock()
	defer s.Unlock()
	return got(s, func() (native.Block, native.Code) { return s.calls.Load(token) })
}

// FreeSaved frees the block under a token. ErrBadHandle if it was freed before.
func (r *Region) FreeSaved(token string) error {
	s := r.state
	s.Lock()
	defer s.Unlock()
	if code := s.calls.FreeSaved(token); code != native.OK {
		return failed(s.calls, code)
	}
	return nil
}
